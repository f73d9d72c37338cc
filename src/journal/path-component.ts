/** Names a file or folder after any text: the same for the same text, and another for another. */

/** File systems take 255 bytes. */
const MAX_NAME = 200;

/** `digestCharacters`: of hexadecimal digits, by which texts are told apart that are too long to be a name. */
export function pathComponentOf(text: string, digestCharacters: number): string {
  const name = encodeURIComponent(text.toWellFormed()).replace(/^\./, "%2E");
  if (name.length <= MAX_NAME) return name;
  // Loaded for such a name only: the module costs an idle daemon 3 MB.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const digest = createHash("sha256").update(text).digest("hex").slice(0, digestCharacters);
  return `${name.slice(0, MAX_NAME - digest.length - 1)}-${digest}`;
}
