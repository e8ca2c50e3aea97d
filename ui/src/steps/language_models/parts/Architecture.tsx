import { count, short } from "@/kit/format";
import { Stat, Stats } from "@/kit/Stat";
import type { Description } from "../queries";

/** A model in numbers. */
export function Architecture({ description: model }: { description: Description }) {
  return (
    <Stats>
      <Stat label="Parameters" value={short(model.parameters)} definition="Numbers in all weights." />
      <Stat
        label="Layers"
        value={count(model.n_layers)}
        definition="Blocks of attention and MLP, one after the other."
      />
      <Stat
        label="Width"
        value={count(model.d_model)}
        definition="d_model: numbers in the residual stream at each token."
      />
      <Stat
        label="Heads"
        value={count(model.n_heads)}
        note={model.n_kv_heads === model.n_heads ? undefined : `${count(model.n_kv_heads)} with keys of their own`}
        definition={`Attention heads a layer, each ${count(model.d_head)} wide.`}
      />
      {model.d_mlp !== null && (
        <Stat label="MLP width" value={count(model.d_mlp)} definition="Numbers inside each MLP." />
      )}
      <Stat label="Vocabulary" value={count(model.vocab_size)} unit="tokens" />
      {model.context_length !== null && (
        <Stat
          label="Context"
          value={count(model.context_length)}
          unit="tokens"
          definition="The longest text that it was made for."
        />
      )}
      <Stat label="Family" value={model.family} />
    </Stats>
  );
}
