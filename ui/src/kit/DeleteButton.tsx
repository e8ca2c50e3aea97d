import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { Button } from "./Button";
import { ConfirmDialog } from "./Dialog";
import { toast } from "./toast";

interface DeleteProps {
  /** With its kind: `the model smollm2`. */
  what: string;
  /** The list that one comes back to. */
  to: string;
  /** Rejects where it cannot be deleted; the dialog says why. */
  onDelete: () => Promise<unknown>;
  /** What is lost, and what stays. */
  children: ReactNode;
}

/** Deletes the thing of a page, after asking, and goes back to its list. */
export function DeleteButton({ what, to, onDelete, children }: DeleteProps) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button variant="ghost" icon={Trash2} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete ${what}?`}
        confirm="Delete"
        danger
        onConfirm={async () => {
          await onDelete();
          toast({ tone: "info", title: `${what.charAt(0).toUpperCase()}${what.slice(1)} is being deleted` });
          await navigate(to);
        }}
      >
        {children}
      </ConfirmDialog>
    </>
  );
}
