/** Where a key stands in a config file that was read before, for faults that show up later. */
import { LineCounter, parseDocument } from "yaml";
import { readPlainFile } from "./operator-file.ts";
import { offsetOf } from "./yaml-locate.ts";

/** `FILE:LINE:COLUMN` of the value, or of the nearest mapping around it; null when the file cannot be read. */
export function placeInYaml(file: string, path: readonly (string | number)[]): string | null {
  try {
    const lineCounter = new LineCounter();
    const document = parseDocument(readPlainFile(file).toString("utf8"), {
      lineCounter,
      merge: true,
      logLevel: "error",
    });
    const { line, col } = lineCounter.linePos(offsetOf(document, path));
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  } catch {
    return null;
  }
}
