import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { signIn, useSession } from "@/api/session";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";

/** Opens when the studio answers 401: it listens to the network, and wants to know who asks. */
export function SignInDialog() {
  const { asked, token } = useSession();
  const [typed, setTyped] = useState("");
  const client = useQueryClient();
  const submit = () => {
    if (typed.trim() === "") return;
    signIn(typed.trim());
    setTyped("");
    void client.resetQueries();
  };
  return (
    <Dialog
      open={asked}
      onOpenChange={(open) => useSession.setState({ asked: open })}
      title="Sign in"
      description="This studio asks for a token. Whoever started it has it: MISTUDIO_API_TOKENS."
      actions={
        <Button variant="primary" disabled={typed.trim() === ""} onClick={submit}>
          Sign in
        </Button>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field
          label="Token"
          description="Kept until this tab is closed."
          error={token === null ? undefined : "The studio does not know the token that was given."}
        >
          {(ids) => (
            <TextInput {...ids} type="password" value={typed} onChange={(event) => setTyped(event.target.value)} />
          )}
        </Field>
      </form>
    </Dialog>
  );
}
