/** Reads and checks the config file. */
import { readFileOrPipe, textIn } from "./operator-file.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import type { FileConfig } from "./schema.ts";
import { whyUnreadable } from "./unreadable.ts";

export interface LoadedFile {
  readonly config: FileConfig;
  readonly problems: readonly string[];
  /** As it was read; empty when it could not be. */
  readonly text: string;
  /** A backend that is named without a block, and so counts as absent. */
  readonly emptyBackend: string | null;
  /** True when the key stands in the file, or may stand there, with a value that is no use: so it is not missing. */
  isBroken(key: string): boolean;
}

/** What there is when no file is given. */
export const NO_FILE: LoadedFile = {
  config: {},
  problems: [],
  text: "",
  emptyBackend: null,
  isBroken: () => false,
};

/** What is wrong is in `problems`; rejects with the reason of `stop` alone, which ends the wait for a pipe. */
export async function loadConfigFile(path: string, stop: AbortSignal): Promise<LoadedFile> {
  let text: string;
  try {
    text = textIn(await readFileOrPipe(path, stop));
  } catch (error) {
    stop.throwIfAborted();
    return unusable(`Cannot read the config file "${path}": ${whyUnreadable(error)}`);
  }
  const plain = readPlainYaml(text);
  if (plain !== null) return { config: plain, problems: [], text, emptyBackend: null, isBroken: () => false };
  const { checkYaml } = await import("./yaml-config.ts");
  const { config, problems, broken, emptyBackend } = checkYaml(text, path);
  return {
    config,
    problems,
    text,
    emptyBackend,
    isBroken: (key) =>
      broken === null || broken.has(key) || broken.has("") || broken.has(key.split(".")[0] ?? ""),
  };
}

function unusable(problem: string): LoadedFile {
  return { config: {}, problems: [problem], text: "", emptyBackend: null, isBroken: () => true };
}
