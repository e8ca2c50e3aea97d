import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, ButtonLink } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { count } from "@/kit/format";
import { NumberInput } from "@/kit/inputs";
import { Select } from "@/kit/Select";
import { Segments } from "@/kit/Tabs";
import { toast } from "@/kit/toast";
import { datasetsQuery, metadataQuery, type SaeDetail, useProbe } from "../queries";

const abouts = [
  { value: "labels", label: "Labels of documents" },
  { value: "spelling", label: "Spelling of words" },
] as const;
type About = (typeof abouts)[number]["value"];

const explained: Record<About, string> = {
  labels:
    "Can a few latents tell documents of one class from the rest, as well as the model’s own activations can? And does silencing a class’s latents hurt that class alone?",
  spelling:
    "Which latents stand for the first letter of a word, is a letter split over several, and do other latents take its place on some words (absorption)? Needs no text.",
};

/** What to probe the SAE for. */
export function ProbeDialog({ sae, onClose }: { sae: SaeDetail; onClose: () => void }) {
  const probe = useProbe(sae.id);
  const [about, setAbout] = useState<About>("labels");
  const [dataset, setDataset] = useState<string | null>(null);
  const [label, setLabel] = useState<string | null>(null);
  const [group, setGroup] = useState("");
  const [bins, setBins] = useState<number | null>(null);
  const [most, setMost] = useState<number | null>(2000);
  const [words, setWords] = useState<number | null>(6000);
  const [wrong, setWrong] = useState(false);
  const datasets = useQuery(datasetsQuery).data?.items ?? [];
  const chosen = datasets.find(({ id }) => id === (dataset ?? sae.dataset?.id)) ?? datasets[0];
  const metadata = useQuery(metadataQuery(about === "labels" ? (chosen?.id ?? null) : null));
  const fields = metadata.data?.metadata ?? [];
  const field = fields.find(({ name }) => name === label) ?? fields[0];
  const numeric = field?.examples.length !== 0 && field?.examples.every((each) => typeof each === "number");
  const ready = sae.model !== null && !wrong && (about === "spelling" ? words !== null : most !== null && field);
  const start = () => {
    const config =
      about === "spelling"
        ? { spelling: { max_words: words } }
        : {
            labels: {
              label: field?.name,
              group: group === "" ? null : group,
              bins: numeric ? (bins ?? 2) : null,
              max_documents: most,
              ks: [1, 2, 5, 16].filter((k) => k <= sae.d_sae),
              perturbed: [2, 5, 10, 20, 50].filter((k) => k <= sae.d_sae),
            },
          };
    type Body = Parameters<typeof probe.mutate>[0];
    probe.mutate(
      { dataset_id: about === "labels" ? (chosen?.id ?? null) : null, config: config as unknown as Body["config"] },
      {
        onSuccess: () => {
          toast({ tone: "info", title: `${sae.name} is being probed` });
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Probe the SAE"
      description="What do its latents know of things that people have names for?"
      actions={
        <Button variant="primary" disabled={!ready} busy={probe.isPending} onClick={start}>
          Probe it
        </Button>
      }
    >
      <div className="grid gap-5">
        <div>
          <Segments
            label="What for"
            options={abouts}
            value={about}
            onChange={(next) => {
              probe.reset();
              setAbout(next);
            }}
          />
          <p className="mt-2 text-sm text-ink-3">{explained[about]}</p>
        </div>
        {sae.model === null && <p className="text-ink-2">Its model, {sae.model_name}, is not here: add it first.</p>}
        {about === "spelling" ? (
          <Field
            label="Words"
            description="Most words of the model’s vocabulary that are read."
            error={words === null ? "A whole number of at least 1." : undefined}
          >
            {(ids) => (
              <NumberInput {...ids} whole min={1} step={1000} value={words} onChange={setWords} onWrong={setWrong} />
            )}
          </Field>
        ) : chosen ? (
          <>
            <Field label="Documents" description="A data set whose documents say something of themselves.">
              {(ids) => (
                <Select
                  {...ids}
                  value={chosen.id}
                  onChange={(id) => {
                    setDataset(id);
                    setLabel(null);
                    setGroup("");
                  }}
                  options={datasets.map((each) => ({
                    value: each.id,
                    label: `${each.name} (${count(each.documents)} documents)`,
                  }))}
                />
              )}
            </Field>
            {metadata.data && fields.length === 0 && (
              <p className="text-ink-2">
                Its documents have no metadata. Add a CSV, JSONL or Parquet file with a column beside the text, such as
                a topic or a party.
              </p>
            )}
            {metadata.error && <ErrorState error={metadata.error} title="The labels could not be read" compact />}
            {field && (
              <div className="grid gap-5 sm:grid-cols-2">
                <Field label="Label" description={`Such as ${field.examples.slice(0, 3).map(String).join(", ")}.`}>
                  {(ids) => (
                    <Select
                      {...ids}
                      value={field.name}
                      onChange={setLabel}
                      options={fields.map(({ name }) => ({ value: name, label: name }))}
                    />
                  )}
                </Field>
                {numeric && (
                  <Field label="Classes" description="The numbers are cut into so many classes of equal size.">
                    {(ids) => (
                      <NumberInput
                        {...ids}
                        whole
                        min={2}
                        max={10}
                        value={bins ?? 2}
                        onChange={setBins}
                        onWrong={setWrong}
                      />
                    )}
                  </Field>
                )}
                <Field label="Keep together" description="Documents that share this never stand on both sides.">
                  {(ids) => (
                    <Select
                      {...ids}
                      value={group}
                      onChange={setGroup}
                      options={[
                        { value: "", label: "Nothing" },
                        ...fields
                          .filter(({ name }) => name !== field.name)
                          .map(({ name }) => ({ value: name, label: name })),
                      ]}
                    />
                  )}
                </Field>
                <Field
                  label="At most"
                  unit="documents"
                  error={most === null ? "A whole number of at least 1." : undefined}
                >
                  {(ids) => (
                    <NumberInput {...ids} whole min={1} step={500} value={most} onChange={setMost} onWrong={setWrong} />
                  )}
                </Field>
              </div>
            )}
          </>
        ) : (
          <div>
            <p className="mb-3 text-ink-2">There is no data set yet.</p>
            <ButtonLink to="/datasets">Open the data sets</ButtonLink>
          </div>
        )}
        {probe.error && <ErrorState error={probe.error} title="Nothing was started" compact />}
      </div>
    </Dialog>
  );
}
