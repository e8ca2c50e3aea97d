import { type ReactNode } from "react";
import { Card } from "@/kit/Card";
import { CodeBlock, CopyButton } from "@/kit/Code";
import { Disclosure } from "@/kit/Disclosure";
import { Facts, Named } from "@/kit/Facts";
import { bytes, count } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { RelativeTime } from "@/kit/RelativeTime";
import type { SaeDetail } from "../queries";

/** Where it comes from, as a list of facts with links. */
export function MadeOf({ sae }: { sae: SaeDetail }) {
  const architecture = sae.architecture === "topk" ? "TopK" : sae.architecture;
  const facts: [string, ReactNode][] = [
    ["Training", sae.training ? <Named to={`/training/${sae.training.id}`} name={sae.training.name} /> : "not known"],
    [
      "Model",
      sae.model ? <Named to={`/models/${sae.model.id}`} name={sae.model.name} /> : `${sae.model_name} (not here)`,
    ],
    [
      "Hook point",
      <>
        {hookInWords(sae.hook)} <code className="font-mono text-xs text-ink-3">{sae.hook}</code>
      </>,
    ],
    ["Text", sae.dataset ? <Named to={`/datasets/${sae.dataset.id}`} name={sae.dataset.name} /> : "not here any more"],
    ["Recording", sae.recording?.name ?? "none: activations were computed while it trained"],
    ["Architecture", `${architecture}, ${count(sae.d_sae)} latents for ${count(sae.d_in)} dimensions`],
    ["Left out", sae.rule === null ? "nothing" : sae.rule.replace(/^excluded: /, "")],
    ["Made", <RelativeTime key="made" at={sae.created_at} />],
  ];
  return (
    <Card title="Where it comes from">
      <Facts facts={facts} />
    </Card>
  );
}

/** Where it lies on disk. */
export function Files({ sae }: { sae: SaeDetail }) {
  return (
    <Card title="On disk" description={`${bytes(sae.bytes)} of weights, in the format that SAELens reads.`}>
      <div className="mb-4 flex items-center gap-2 rounded-lg border border-line bg-sunken py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 truncate font-mono text-xs text-ink-2" title={sae.path}>
          {sae.path}
        </code>
        <CopyButton text={sae.path} name="Copy the path" />
      </div>
      <Disclosure title="Configuration" description="Every option of its training.">
        <CodeBlock label="The training's configuration">{JSON.stringify(sae.config, null, 2)}</CodeBlock>
      </Disclosure>
    </Card>
  );
}
