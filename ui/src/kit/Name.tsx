/** A name whose end, eight digits that tell equal ones apart, does not catch the eye: `demo-5d10a520`. */
export function Name({ of: name }: { of: string }) {
  const [, said, digits] = /^(.+)(-[0-9a-f]{8})$/.exec(name) ?? [];
  if (said === undefined) return name;
  return (
    <>
      {said}
      <span className="text-xs font-normal text-ink-3">{digits}</span>
    </>
  );
}
