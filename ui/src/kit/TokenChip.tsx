/** A token, with signs for what has no shape. */
export function TokenChip({ text }: { text: string }) {
  return (
    <span
      className="shrink-0 rounded-md border border-line bg-sunken px-1.5 font-mono text-xs leading-5 text-ink-2"
      title={text}
    >
      {seen(text)}
    </span>
  );
}

/** A leading space is a dot; a break is its sign. */
export function seen(text: string): string {
  const signs = text.replaceAll("\r", "").replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "·");
  return signs === "" ? "∅" : signs;
}
