import { X } from "lucide-react";
import { AlertDialog as Alert, Dialog as Primitive } from "radix-ui";
import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { cx } from "./cx";
import { ErrorState } from "./ErrorState";

const veil = "animate-fade fixed inset-0 z-40 bg-veil/65";
const sheet =
  "animate-rise fixed top-1/2 left-1/2 z-50 max-h-[90dvh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 " +
  "overflow-y-auto rounded-xl border border-line bg-surface shadow-float";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  /** Buttons at the end; the last is what one came for. */
  actions?: ReactNode;
  size?: "md" | "lg" | "xl";
  children: ReactNode;
}

const widths = { md: "max-w-lg", lg: "max-w-3xl", xl: "max-w-6xl" };

/** Something to be done before the page goes on. Escape and a click outside close it. */
export function Dialog({ open, onOpenChange, title, description, actions, size = "md", children }: DialogProps) {
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className={veil} />
        <Primitive.Content
          className={cx(sheet, widths[size], "outline-none")}
          onOpenAutoFocus={focusFirst}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
        >
          <header className="flex items-start justify-between gap-4 px-5 pt-4">
            <div>
              <Primitive.Title className="text-lg font-semibold">{title}</Primitive.Title>
              {description !== undefined && (
                <Primitive.Description className="mt-0.5 text-sm text-ink-3">{description}</Primitive.Description>
              )}
            </div>
            <Primitive.Close asChild>
              <button type="button" aria-label="Close" className="-mr-1 rounded-md p-1 text-ink-3 hover:text-ink">
                <X size={18} aria-hidden />
              </button>
            </Primitive.Close>
          </header>
          <div data-body className="px-5 py-4">
            {children}
          </div>
          {actions !== undefined && (
            <footer className="sticky bottom-0 flex flex-wrap justify-end gap-2 border-t border-line bg-surface px-5 py-3">
              {actions}
            </footer>
          )}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

/** The first field, or the dialog itself: never the way out, whose tooltip would take the first Escape. */
function focusFirst(event: Event): void {
  event.preventDefault();
  const { target } = event;
  if (!(target instanceof HTMLElement)) return;
  (target.querySelector<HTMLElement>("[data-body] :is(input, select, textarea):enabled") ?? target).focus();
}

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** A question: “Delete the dataset stories?”. */
  title: string;
  /** What will be lost, and what will not. */
  children: ReactNode;
  /** The verb: “Delete”. */
  confirm: string;
  danger?: boolean;
  /** The dialog stays open until it is done, and shows its error if it fails. */
  onConfirm: () => Promise<unknown>;
}

/** Asks before something that cannot be taken back. The safe button has the focus. */
export function ConfirmDialog({ open, onOpenChange, title, children, confirm, danger, onConfirm }: ConfirmDialogProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change = (next: boolean) => {
    if (busy) return;
    setError(null);
    onOpenChange(next);
  };
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Alert.Root open={open} onOpenChange={change}>
      <Alert.Portal>
        <Alert.Overlay className={veil} />
        <Alert.Content className={cx(sheet, "max-w-md p-5")}>
          <Alert.Title className="text-lg font-semibold">{title}</Alert.Title>
          <Alert.Description asChild>
            <div className="mt-2 text-ink-2">{children}</div>
          </Alert.Description>
          {error !== null && (
            <div className="mt-4">
              <ErrorState error={error} compact />
            </div>
          )}
          <div className="mt-5 flex justify-end gap-2">
            <Alert.Cancel asChild>
              <Button disabled={busy}>Keep</Button>
            </Alert.Cancel>
            <Button variant={danger ? "danger" : "primary"} busy={busy} onClick={() => void run()}>
              {confirm}
            </Button>
          </div>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}
