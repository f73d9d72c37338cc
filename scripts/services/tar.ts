/** Archives in the ustar format, written by hand: a test says exactly what is in its image. */

export type TarEntry =
  | { readonly path: string; readonly kind: "folder"; readonly mode?: number; readonly owner?: number }
  | {
      readonly path: string;
      readonly kind: "file";
      readonly content: string | Uint8Array;
      readonly mode?: number;
      readonly owner?: number;
    }
  | { readonly path: string; readonly kind: "symlink"; readonly target: string }
  | {
      readonly path: string;
      readonly kind: "hardlink";
      readonly target: string;
      /** Of the file that it is one with: whoever unpacks sets them again. */
      readonly mode: number;
      readonly owner: number;
    };

const BLOCK_BYTES = 512;
const TYPES = { file: "0", hardlink: "1", symlink: "2", folder: "5" } as const;

export function tarOf(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = entries.flatMap(blocksOf);
  blocks.push(new Uint8Array(2 * BLOCK_BYTES));
  const whole = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let offset = 0;
  for (const block of blocks) {
    whole.set(block, offset);
    offset += block.length;
  }
  return whole;
}

function blocksOf(entry: TarEntry): Uint8Array[] {
  const content = contentOf(entry);
  const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return [header(entry, content.length), content, new Uint8Array(padding)];
}

function contentOf(entry: TarEntry): Uint8Array {
  if (entry.kind !== "file") return new Uint8Array(0);
  return typeof entry.content === "string" ? new TextEncoder().encode(entry.content) : entry.content;
}

function header(entry: TarEntry, sizeBytes: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  const octal = (offset: number, width: number, value: number) =>
    put(offset, `${value.toString(8).padStart(width - 1, "0")}\0`);
  const path = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  if (path.length > 100) throw new Error(`Too long for the name of an archive's entry: ${path}`);
  const owner = "owner" in entry ? (entry.owner ?? 0) : 0;
  put(0, path);
  octal(100, 8, ("mode" in entry ? entry.mode : undefined) ?? defaultMode(entry.kind));
  octal(108, 8, owner);
  octal(116, 8, owner);
  octal(124, 12, sizeBytes);
  octal(136, 12, 0);
  put(148, " ".repeat(8));
  put(156, TYPES[entry.kind]);
  if ("target" in entry) put(157, entry.target);
  put(257, "ustar\0");
  put(263, "00");
  octal(
    148,
    8,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  return block;
}

function defaultMode(kind: TarEntry["kind"]): number {
  if (kind === "symlink") return 0o777;
  return kind === "folder" ? 0o755 : 0o644;
}
