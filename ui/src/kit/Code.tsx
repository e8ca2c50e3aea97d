import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { IconButton } from "./Button";

/** Copies a text, and says that it did. */
export function CopyButton({ text, name = "Copy", size = "sm" }: { text: string; name?: string; size?: "sm" | "md" }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <>
      <IconButton
        name={copied ? "Copied" : name}
        icon={copied ? Check : Copy}
        size={size}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      />
      <span className="sr-only" role="status">
        {copied ? "Copied" : ""}
      </span>
    </>
  );
}

/** Text to be read as it is, and copied: a command, a configuration, a log. */
export function CodeBlock({ children, label, wrap = false }: { children: string; label: string; wrap?: boolean }) {
  return (
    <div className="relative rounded-lg border border-line bg-sunken">
      <pre
        // Long lines scroll, and what scrolls must be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="region"
        aria-label={label}
        className={`max-h-96 overflow-auto py-3 pr-12 pl-4 font-mono text-sm text-ink-2 ${wrap ? "wrap-anywhere whitespace-pre-wrap" : ""}`}
      >
        {children}
      </pre>
      <div className="absolute top-1.5 right-1.5 rounded-lg bg-sunken">
        <CopyButton text={children} name={`Copy ${label.toLowerCase()}`} />
      </div>
    </div>
  );
}
