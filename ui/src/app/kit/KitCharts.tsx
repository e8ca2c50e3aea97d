import { Card } from "@/kit/Card";
import * as format from "@/kit/format";
import { Histogram } from "@/kit/Histogram";
import { LineChart } from "@/kit/LineChart";
import { Sparkline } from "@/kit/Sparkline";

const points = Array.from({ length: 200 }, (_, place) => {
  const step = place * 10;
  const noise = Math.sin(place * 1.7) * 0.02;
  return {
    step,
    loss: 0.9 * Math.exp(-place / 30) + 0.08 + noise * Math.exp(-place / 80),
    fvu: 0.7 * Math.exp(-place / 24) + 0.06,
    dead: 0.3 * (1 - Math.exp(-place / 60)),
    lr: 4e-4 * Math.min(1, place / 10) * (place > 160 ? (200 - place) / 40 : 1),
  };
});

const bins = Array.from({ length: 40 }, (_, place) => ({
  from: place * 0.5,
  to: (place + 1) * 0.5,
  count: Math.round(52_000 * Math.exp(-place / 6) + (place > 20 ? 900 * Math.exp(-((place - 28) ** 2) / 20) : 0)),
}));

export function KitCharts() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card>
        <LineChart
          label="Reconstruction"
          points={points}
          series={[
            { key: "loss", name: "Loss" },
            { key: "fvu", name: "FVU", color: 2 },
          ]}
          x={{ key: "step", name: "step" }}
          log="offered"
          sync="kit"
        />
      </Card>
      <Card>
        <LineChart
          label="Dead latents and learning rate"
          points={points}
          series={[
            { key: "dead", name: "Dead latents", format: (value) => format.percent(value, 2), color: 4 },
            { key: "lr", name: "Learning rate", right: true, color: 3, format: format.number },
          ]}
          x={{ key: "step", name: "step" }}
          sync="kit"
        />
      </Card>
      <Card>
        <Histogram label="Activations of this latent" bins={bins} unit="activation" things="tokens" log />
      </Card>
      <Card>
        <Histogram
          label="Activations of this latent"
          bins={bins}
          unit="activation"
          things="tokens"
          tone="info"
          marker={{ value: 13.4, label: "your text" }}
        />
      </Card>
      <Card>
        <LineChart
          label="Loss"
          points={[]}
          series={[{ key: "loss", name: "Loss" }]}
          x={{ key: "step", name: "step" }}
        />
      </Card>
      <Card title="Lines the size of a word">
        <p className="flex items-center gap-3 text-ink-2">
          CPU <Sparkline label="CPU" values={points.map(({ fvu }) => fvu)} format={format.percent} />
          memory
          <Sparkline
            label="Memory"
            values={points.map(({ dead }) => dead)}
            color="var(--series-2)"
            format={format.percent}
          />
        </p>
      </Card>
    </div>
  );
}
