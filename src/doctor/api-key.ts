/** Whether the API key can be read, and where it comes from; never what it is. */
import type { KeySource } from "../config/key-source.ts";
import type { Secrets } from "../logging/secrets.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type Finding, splitAdvice } from "./finding.ts";

export async function checkApiKey(key: KeySource, secrets: Secrets): Promise<Finding> {
  try {
    secrets.rememberKey(await key.read());
    return { name: "api-key", status: "ok", detail: `read from ${key.label}` };
  } catch (error) {
    return { name: "api-key", status: "fail", ...splitAdvice(wordsOf(error)) };
  }
}
