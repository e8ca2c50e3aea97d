import { Compass } from "lucide-react";
import { useLocation } from "react-router";
import { ButtonLink } from "@/kit/Button";
import { EmptyState } from "@/kit/EmptyState";
import { Page } from "@/kit/Page";

export default function NotFound() {
  const { pathname } = useLocation();
  return (
    <Page title="Nothing is here">
      <EmptyState
        icon={Compass}
        title="No page has this address"
        actions={
          <ButtonLink to="/" variant="primary">
            Go home
          </ButtonLink>
        }
      >
        <span className="font-mono wrap-anywhere">{pathname}</span> may have been deleted or mistyped. Search for what
        you wanted with Ctrl K.
      </EmptyState>
    </Page>
  );
}
