import { DeleteButton } from "@/kit/DeleteButton";
import { plural } from "@/kit/format";
import { type FeatureSetDetail, useDelete } from "../queries";

export function DeleteSet({ set }: { set: FeatureSetDetail }) {
  const remove = useDelete();
  return (
    <DeleteButton what={`the feature set ${set.name}`} to="/features" onDelete={() => remove.mutateAsync(set.id)}>
      Its passages and numbers are removed
      {set.labelled + set.starred > 0 && `, with ${plural(set.labelled, "label")} and ${plural(set.starred, "star")}`}.
      The SAE stays, so they can be found again; labels, notes and stars cannot.
    </DeleteButton>
  );
}
