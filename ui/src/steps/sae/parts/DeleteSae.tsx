import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Button } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { plural } from "@/kit/format";
import { toast } from "@/kit/toast";
import { type SaeDetail, useDelete } from "../queries";

/** Deleting, with what goes and what stays said before. */
export function DeleteSae({ sae }: { sae: SaeDetail }) {
  const navigate = useNavigate();
  const remove = useDelete();
  const [asking, setAsking] = useState(false);
  const sets = sae.feature_set_list;
  return (
    <>
      <Button variant="ghost" icon={Trash2} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete the SAE ${sae.name}?`}
        confirm="Delete"
        danger
        onConfirm={async () => {
          await remove.mutateAsync({ id: sae.id, force: sets.length > 0 });
          toast({ tone: "info", title: `The SAE ${sae.name} is being deleted` });
          await navigate("/saes");
        }}
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
      </ConfirmDialog>
    </>
  );
}
