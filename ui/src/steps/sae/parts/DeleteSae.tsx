import { DeleteButton } from "@/kit/DeleteButton";
import { plural } from "@/kit/format";
import { type SaeDetail, useDelete } from "../queries";

/** Deleting, with what goes and what stays said before. */
export function DeleteSae({ sae }: { sae: SaeDetail }) {
  const remove = useDelete();
  const sets = sae.feature_set_list;
  return (
    <DeleteButton
      what={`the SAE ${sae.name}`}
      to="/saes"
      onDelete={() => remove.mutateAsync({ id: sae.id, force: sets.length > 0 })}
    >
      <p>
        Its weights{sae.evaluations > 0 && ` and its ${plural(sae.evaluations, "evaluation")}`} are removed and cannot
        be brought back.
      </p>
      {sets.length > 0 && (
        <p className="mt-2">
          {sets.map(({ name }) => name).join(", ")} {sets.length === 1 ? "was" : "were"} found with it: the features
          stay to be read, but nobody can steer with them or try them on a text any more.
        </p>
      )}
    </DeleteButton>
  );
}
