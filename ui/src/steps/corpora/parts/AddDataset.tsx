import { Upload } from "lucide-react";
import { useRef, useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { nameProblem } from "@/kit/nameProblem";
import { toast } from "@/kit/toast";
import { type Preview, useAdd, usePreview, useUpload, type Wanted } from "../queries";
import { AddOptions } from "./AddOptions";
import { PreviewTable } from "./PreviewTable";

/** Name or upload a source, look into it, and add it. */
export function AddDataset({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog
      open={open}
      onOpenChange={onClose}
      size="lg"
      title="Add text"
      description="You see its first rows before anything is added."
    >
      <Steps onClose={onClose} />
    </Dialog>
  );
}

function Steps({ onClose }: { onClose: () => void }) {
  const [source, setSource] = useState("");
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [wrong, setWrong] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const preview = usePreview();
  const upload = useUpload();
  const add = useAdd();
  const misnamed = nameProblem(wanted?.name.trim() ?? "");

  const look = async (from: string, more: { split?: string; config_name?: string } = {}) => {
    const found = await preview.mutateAsync({ source: from, ...more });
    setWanted(wishOf(from, found));
  };
  const send = async (chosen: File) => {
    const { source: sent, name } = await upload.mutateAsync(chosen);
    setSource(name);
    await look(sent);
  };
  const start = () => {
    if (wanted === null) return;
    add.mutate(
      { ...wanted, name: wanted.name.trim() },
      {
        onSuccess: ({ job }) => {
          toast({
            tone: "info",
            title: job.title,
            text: "It runs as a job.",
            link: { text: "Watch", to: `/jobs/${job.id}` },
          });
          onClose();
        },
      },
    );
  };
  const error = upload.error ?? preview.error ?? add.error;
  return (
    <div className="space-y-5">
      <form
        className="grid items-start gap-3 sm:grid-cols-[1fr_auto_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          void look(source.trim()).catch(() => undefined);
        }}
      >
        <Field
          label="Where the text is"
          description="A data set of the Hub (Salesforce/wikitext), or a file or folder on the studio's machine (~/texts)."
        >
          {(ids) => (
            <TextInput
              {...ids}
              value={source}
              onChange={(event) => {
                setSource(event.target.value);
                setWanted(null);
                preview.reset();
                upload.reset();
                add.reset();
              }}
            />
          )}
        </Field>
        <Button type="submit" busy={preview.isPending} disabled={source.trim() === ""} className="sm:mt-6">
          Look into it
        </Button>
        <Button icon={Upload} busy={upload.isPending} className="sm:mt-6" onClick={() => file.current?.click()}>
          Upload a file
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          aria-label="File to upload"
          accept=".txt,.md,.json,.jsonl,.csv,.parquet"
          onChange={(event) => {
            const chosen = event.target.files?.[0];
            if (chosen) void send(chosen).catch(() => undefined);
          }}
        />
      </form>
      {error !== null && <ErrorState error={error} compact />}
      {wanted !== null && preview.data && (
        <>
          <PreviewTable preview={preview.data} column={wanted.column} />
          <AddOptions
            preview={preview.data}
            wanted={wanted}
            onChange={(next) => {
              add.reset();
              setWanted(next);
            }}
            wrong={wrong}
            onWrong={setWrong}
            onLook={(more) => void look(wanted.source, more).catch(() => undefined)}
          />
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Close</Button>
            <Button
              variant="primary"
              disabled={wrong || misnamed !== undefined || preview.isPending || preview.isError}
              busy={add.isPending}
              onClick={start}
            >
              Add it
            </Button>
          </div>
        </>
      )}
    </div>
  );
}

function wishOf(source: string, found: Preview): Wanted {
  return {
    source,
    name: "",
    column: found.text_column ?? "text",
    held_out: 0.1,
    limit: null,
    split: found.split ?? "train",
    config_name: found.config_name,
  };
}
