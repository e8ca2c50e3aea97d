import { CircleCheck, Info, TriangleAlert, X } from "lucide-react";
import { Toast } from "radix-ui";
import { Link } from "react-router";
import { dismiss, useToasts } from "./toast";

const signs = {
  done: { icon: CircleCheck, ink: "text-accent" },
  info: { icon: Info, ink: "text-info" },
  failed: { icon: TriangleAlert, ink: "text-danger" },
};

/** Shows what `toast` says, and reads it aloud. Once, in the shell. */
export function Toaster() {
  const { messages } = useToasts();
  return (
    <Toast.Provider swipeDirection="right" label="Message">
      {messages.map(({ id, tone, title, text, link }) => {
        const { icon: Icon, ink } = signs[tone];
        return (
          <Toast.Root
            key={id}
            type={tone === "failed" ? "foreground" : "background"}
            duration={tone === "failed" ? 12_000 : 6_000}
            onOpenChange={(open) => !open && dismiss(id)}
            className="flex animate-rise items-start gap-3 rounded-lg border border-line bg-raised p-3.5 shadow-float"
          >
            <Icon size={18} aria-hidden className={`mt-0.5 shrink-0 ${ink}`} />
            <div className="min-w-0 flex-1">
              <Toast.Title className="font-medium wrap-anywhere">{title}</Toast.Title>
              {text !== undefined && (
                <Toast.Description className="mt-0.5 text-sm wrap-anywhere text-ink-2">{text}</Toast.Description>
              )}
              {link && (
                <Toast.Action asChild altText={`${link.text}: ${link.to}`}>
                  <Link to={link.to} className="mt-1 inline-block text-sm font-medium text-accent hover:underline">
                    {link.text}
                  </Link>
                </Toast.Action>
              )}
            </div>
            <Toast.Close aria-label="Dismiss" className="rounded-md p-0.5 text-ink-3 hover:text-ink">
              <X size={15} aria-hidden />
            </Toast.Close>
          </Toast.Root>
        );
      })}
      <Toast.Viewport className="fixed right-4 bottom-4 z-50 flex w-90 max-w-[calc(100vw-2rem)] flex-col gap-2" />
    </Toast.Provider>
  );
}
