import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Button } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { plural } from "@/kit/format";
import { toast } from "@/kit/toast";
import { type FeatureSetDetail, useDelete } from "../queries";

export function DeleteSet({ set }: { set: FeatureSetDetail }) {
  const navigate = useNavigate();
  const remove = useDelete();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button variant="ghost" icon={Trash2} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete the feature set ${set.name}?`}
        confirm="Delete"
        danger
        onConfirm={async () => {
          await remove.mutateAsync(set.id);
          toast({ tone: "info", title: `The feature set ${set.name} is being deleted` });
          await navigate("/features");
        }}
      >
        Its passages and numbers are removed
        {set.labelled + set.starred > 0 && `, with ${plural(set.labelled, "label")} and ${plural(set.starred, "star")}`}
        . The SAE stays, so they can be found again; labels, notes and stars cannot.
      </ConfirmDialog>
    </>
  );
}
