/** What is wrong with a name for something in the store; undefined where nothing is, also of none. */
export function nameProblem(name: string): string | undefined {
  if (name === "" || /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) return undefined;
  if (name.length > 100) return "At most 100 characters.";
  if (/^[._-]/.test(name)) return "It begins with a letter or a digit.";
  return "Letters of a to z, digits, and . _ - only; no spaces.";
}
