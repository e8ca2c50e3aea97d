import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "@/kit/Button";
import { Field } from "@/kit/Field";
import { short } from "@/kit/format";
import { Select } from "@/kit/Select";
import { type SaeDetail, type Tokenization, tokenizationsQuery } from "../queries";

/** The texts that are tokenized for the SAE's model, its own first; `missing` says why there are none. */
export function useTexts(sae: SaeDetail): { texts: readonly Tokenization[]; missing: string | null } {
  const { data, isPending } = useQuery(tokenizationsQuery);
  const own = (each: Tokenization) => each.id === sae.tokenization?.id;
  const texts = (data?.items ?? [])
    .filter((each) => own(each) || (sae.model !== null && each.model?.id === sae.model.id))
    .sort((a, b) => Number(own(b)) - Number(own(a)));
  if (sae.model === null) return { texts: [], missing: `Its model, ${sae.model_name}, is not here: add it first.` };
  const none = !isPending && texts.length === 0;
  return { texts, missing: none ? "No text is tokenized for its model yet." : null };
}

interface TextChoiceProps {
  texts: readonly Tokenization[];
  missing: string | null;
  value: string | null;
  onChange: (id: string) => void;
}

/** Which text to read. */
export function TextChoice({ texts, missing, value, onChange }: TextChoiceProps) {
  if (missing !== null)
    return (
      <div>
        <p className="mb-3 text-ink-2">{missing}</p>
        <ButtonLink to={missing.startsWith("Its model") ? "/models?add=1" : "/datasets"}>
          {missing.startsWith("Its model") ? "Add the model" : "Open the data sets"}
        </ButtonLink>
      </div>
    );
  return (
    <Field label="Text">
      {(ids) => (
        <Select
          {...ids}
          value={value}
          placeholder="Choose a text"
          onChange={onChange}
          options={texts.map((each) => ({
            value: each.id,
            label: `${each.dataset?.name ?? each.name} (${short(each.tokens)} tokens)`,
          }))}
        />
      )}
    </Field>
  );
}
