/** Deno maps its executable in ways of its own, which were not looked into: nothing is given back there. */

export function openOwnPages(): (() => void) | null {
  return null;
}
