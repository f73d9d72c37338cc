/** Files of the operator's by which an engine is found: Docker's own, and certificates. */
import { readFileSync } from "node:fs";
import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import { EndpointError } from "./errors.ts";

/** Null when there is no such file. `named`: as messages name it; `todo`: what else may be done. @throws EndpointError */
export function readIfThere(path: string, named: string, todo: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const message = `Cannot read ${named}: ${wordsOf(error)}; correct its owner or mode${todo}`;
    throw new EndpointError(message, { cause: error });
  }
}
