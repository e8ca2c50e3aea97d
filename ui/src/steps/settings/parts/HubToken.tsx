import { useState } from "react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { RelativeTime } from "@/kit/RelativeTime";
import { toast } from "@/kit/toast";
import { type Settings, useChange } from "../queries";

/** The token for what is not public on the Hub. It is written, never shown. */
export function HubToken({ token }: { token: Settings["hf_token"] }) {
  const [value, setValue] = useState("");
  const change = useChange();
  const save = (next: string | null) =>
    change.mutate(
      { hf_token: next },
      {
        onSuccess: () => {
          setValue("");
          toast({ tone: "done", title: next === null ? "The token is forgotten" : "The token is kept, encrypted" });
        },
      },
    );
  return (
    <Card
      title="Hugging Face Hub"
      description="Public models and data sets need no token. Gated and private ones do; it is kept encrypted on this machine."
    >
      <form
        className="grid items-end gap-3 sm:grid-cols-[1fr_auto_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          save(value.trim());
        }}
      >
        <Field
          label="Access token"
          description={
            token.is_set ? (
              <>
                One is set{token.hint === null ? "" : `, ending in ${token.hint}`}
                {token.updated_at !== null && (
                  <>
                    {" "}
                    (<RelativeTime at={token.updated_at} />)
                  </>
                )}
                .
              </>
            ) : (
              "None is set."
            )
          }
        >
          {(ids) => (
            <TextInput
              {...ids}
              type="password"
              autoComplete="off"
              value={value}
              placeholder={token.is_set ? "Another token" : "hf_…"}
              onChange={(event) => setValue(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" variant="primary" disabled={value.trim().length < 8} busy={change.isPending}>
          Set
        </Button>
        <Button disabled={!token.is_set || change.isPending} onClick={() => save(null)}>
          Clear
        </Button>
      </form>
      {change.error && (
        <div className="mt-4">
          <ErrorState error={change.error} compact />
        </div>
      )}
    </Card>
  );
}
