import { Card } from "@/kit/Card";
import { CodeBlock } from "@/kit/Code";
import { Disclosure } from "@/kit/Disclosure";
import { ErrorState } from "@/kit/ErrorState";
import { RelativeTime } from "@/kit/RelativeTime";
import { Skeleton, SkeletonText } from "@/kit/Skeleton";
import { TokenText } from "@/kit/TokenText";

const tokens = [
  "Once",
  " upon",
  " a",
  " time",
  ",",
  " a",
  " little",
  " fox",
  " said",
  ":",
  "\n",
  "“",
  "I",
  " am",
  " cold",
  ".”",
];
const values = [0, 0, 0, 0.4, 0, 0, 1.1, 9.6, 2.2, 0, 0, 0, 0.7, 0, 4.1, 0];
const signed = [0, 0, -3, 0, 0, 2, -6, 0, 8, 0, 0, 0, 0, -1, 5, 0];
const opened = new Date(Date.now() - 190_000);

export function KitTexts() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Text by its tokens" description="Green as the latent fires; the peak is outlined.">
        <div className="space-y-4">
          <TokenText tokens={tokens} values={values} max={10} peak={7} />
          <TokenText tokens={tokens} values={signed} max={8} breaks whitespace label="Signed values" />
        </div>
      </Card>
      <Card title="Words to copy">
        <CodeBlock label="Command">
          {"mistudio train --model gpt2 --hook blocks.6.resid_post --tokens 2_000_000"}
        </CodeBlock>
        <p className="mt-3 text-sm text-ink-3">
          Opened <RelativeTime at={opened} />
        </p>
      </Card>
      <Card title="What failed">
        <div className="space-y-3">
          <ErrorState
            title="The training could not start"
            error={{
              message: "It needs 9.1 GiB of memory, and 6.4 GiB are free.",
              remedy: "Halve buffer_tokens, or unload the model on the system page.",
              requestId: "req_b2e7",
            }}
            onRetry={() => undefined}
          />
          <ErrorState compact error={{ message: "The name is taken.", remedy: "Choose another." }} />
        </div>
      </Card>
      <Card title="What is to come">
        <SkeletonText lines={3} />
        <Skeleton className="mt-4 h-24 rounded-lg" />
      </Card>
      <div className="lg:col-span-2">
        <Disclosure title="Folded" description="Opens with Enter and Space." note="2 fields">
          Inside.
        </Disclosure>
      </div>
    </div>
  );
}
