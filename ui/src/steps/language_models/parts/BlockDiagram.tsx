/** One layer of the model as a drawing: where each hook point takes its numbers. */
export function BlockDiagram({ additive }: { additive: boolean }) {
  return (
    <figure>
      <svg viewBox="0 0 640 190" role="img" aria-labelledby="block-title" className="w-full max-w-3xl text-xs">
        <title id="block-title">
          A layer: the residual stream runs through; attention and MLP read from it and add to it.
        </title>
        <g className="stroke-line-strong" strokeWidth={2} fill="none">
          <path d="M 20 140 H 620" />
          <path d="M 110 140 V 70 H 150 M 250 70 H 280 V 140" />
          <path d="M 350 140 V 70 H 390 M 490 70 H 520 V 140" />
        </g>
        <Box x={150} text="Attention" />
        <Box x={390} text="MLP" />
        <Point x={60} y={140} name="resid_pre" below />
        <Point x={200} y={50} name="attn_z" />
        <Point x={280} y={105} name="attn_out" right />
        <Point x={350} y={85} name="mlp_in" left />
        <Point x={520} y={105} name="mlp_out" right />
        <Point x={590} y={140} name="resid_post" below />
      </svg>
      <figcaption className="mt-2 text-sm text-ink-3">
        Green: the hook points of a layer, written with its number: resid_post.15.
        {additive && " What enters, plus what attention and MLP add, is what leaves."}
      </figcaption>
    </figure>
  );
}

function Box({ x, text }: { x: number; text: string }) {
  return (
    <g>
      <rect x={x} y={50} width={100} height={40} rx={8} className="fill-raised stroke-line-strong" />
      <text x={x + 50} y={75} textAnchor="middle" className="fill-ink text-sm">
        {text}
      </text>
    </g>
  );
}

interface PointProps {
  x: number;
  y: number;
  name: string;
  below?: boolean;
  left?: boolean;
  right?: boolean;
}

function Point({ x, y, name, below = false, left = false, right = false }: PointProps) {
  const [dx, dy] = below ? [0, 24] : left ? [-10, 4] : right ? [10, 4] : [0, -10];
  return (
    <g>
      <circle cx={x} cy={y} r={5} className="fill-accent-fill" />
      <text
        x={x + dx}
        y={y + dy}
        textAnchor={left ? "end" : right ? "start" : "middle"}
        className="fill-accent font-mono text-xs"
      >
        {name}
      </text>
    </g>
  );
}
