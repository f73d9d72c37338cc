/** Archives whose bytes depend on their contents alone: no time, no user, a fixed order. */
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { tarOf } from "../services/tar.ts";

export interface Executable {
  readonly name: string;
  readonly content: Uint8Array;
}

/** 1 is quick, 9 is small. */
export type CompressionLevel = 1 | 9;

/** The earliest that a zip can say. */
const ZIP_TIME = new Date(1980, 0, 1);

export function packExecutable(
  kind: "tar.gz" | "zip",
  { name, content }: Executable,
  documents: Readonly<Record<string, string>>,
  level: CompressionLevel = 9,
): Uint8Array {
  if (kind === "zip") {
    const texts = Object.entries(documents).map(([file, text]) => [
      `${file}.txt`,
      new TextEncoder().encode(text),
    ]);
    return zipSync({ [name]: content, ...Object.fromEntries(texts) }, { mtime: ZIP_TIME, level });
  }
  const texts = Object.entries(documents).map(
    ([path, text]) => ({ path, kind: "file", content: text }) as const,
  );
  return gzipSync(tarOf([{ path: name, kind: "file", content, mode: 0o755 }, ...texts]), { level });
}
