import { useQuery } from "@tanstack/react-query";
import { signOut, useSession } from "@/api/session";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";
import { Environment } from "./parts/Environment";
import { HubToken } from "./parts/HubToken";
import { settingsQuery } from "./queries";

export default function SettingsPage() {
  const { data: settings, error, isPending, refetch } = useQuery(settingsQuery);
  const signedIn = useSession(({ token }) => token !== null);
  return (
    <Page title="Settings" description="What the studio needs to know. Nothing of it leaves this machine.">
      {isPending ? (
        <SkeletonText lines={6} />
      ) : error ? (
        <ErrorState error={error} title="The settings could not be loaded" onRetry={() => void refetch()} />
      ) : (
        <div className="grid grid-cols-1 gap-4">
          <HubToken token={settings.hf_token} />
          {signedIn && (
            <Card
              title="Signed in"
              description="This tab keeps the studio's token until it is closed."
              actions={<Button onClick={signOut}>Sign out</Button>}
            />
          )}
          <Environment settings={settings.environment} />
        </div>
      )}
    </Page>
  );
}
