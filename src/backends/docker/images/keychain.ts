/**
 * `docker-credential-NAME get`: the program that keeps credentials in a keychain or makes them anew.
 * Source: github.com/docker/docker-credential-helpers, its README and client/client.go.
 */
import { expiring } from "../../../async/wait.ts";
import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import { forHelpers } from "../../../process/worker-environment.ts";
import { type Captured, runCaptured } from "../../../runtime/captured-child.ts";
import type { Credential } from "./docker-config.ts";

export type HelperAnswer =
  | { readonly kind: "credential"; readonly credential: Credential }
  /** It works, and has nothing for this registry. */
  | { readonly kind: "none" }
  /** Names the helper and never shows what it wrote. */
  | { readonly kind: "failed"; readonly why: string };

export interface HelperCall {
  /** What follows `docker-credential-`. */
  readonly name: string;
  readonly server: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

/** Helpers of clouds ask their cloud; those of desktops may wait for a person, who is not here. */
const HELPER_LIMIT_MS = 30_000;
/** A registry's token takes a few thousand bytes. */
const MOST_OUTPUT_BYTES = 256 * 1024;
/** Fixed words of the protocol, which has no exit status for it. */
const NOT_FOUND = "credentials not found in native keychain";
/** In place of a user's name: the secret is an identity token. */
const TOKEN_USER = "<token>";

/** Rejects with the signal's reason, and for nothing else. */
export async function askHelper(call: HelperCall, signal: AbortSignal): Promise<HelperAnswer> {
  const program = `docker-credential-${call.name}`;
  const failed = (what: string): HelperAnswer => ({ kind: "failed", why: `${program} ${what}` });
  if (!/^[\w.-]+$/.test(call.name)) {
    return { kind: "failed", why: `${JSON.stringify(call.name)} is no name of a credential helper` };
  }
  const limitMs = call.limitMs ?? HELPER_LIMIT_MS;
  using limit = expiring(signal, limitMs);
  try {
    const captured = await runCaptured(
      { argv: [program, "get"], cwd: "/", env: forHelpers(call.environment) },
      { stdin: call.server, maxBytes: MOST_OUTPUT_BYTES, signal: limit.signal },
    );
    return answerOf(captured, failed);
  } catch (error) {
    signal.throwIfAborted();
    return failed(limit.expired ? `gave no answer within ${limitMs / 1_000} s` : whyNotStarted(error));
  }
}

function answerOf(captured: Captured, failed: (what: string) => HelperAnswer): HelperAnswer {
  const { exitCode, stdout, whole } = captured;
  if (!whole) return failed("wrote more than a credential");
  if (exitCode !== 0 && stdout.trim() === NOT_FOUND) return { kind: "none" };
  if (exitCode !== 0) return failed(`failed with exit status ${exitCode}`);
  const credential = credentialIn(stdout);
  if (credential === null) return failed("gave an answer that is no credential");
  return credential === "empty" ? { kind: "none" } : { kind: "credential", credential };
}

function credentialIn(stdout: string): Credential | "empty" | null {
  try {
    const { Username: username, Secret: secret } = JSON.parse(stdout) as Record<string, unknown>;
    if (typeof username !== "string" || typeof secret !== "string") return null;
    if (username === "" && secret === "") return "empty";
    return username === TOKEN_USER ? { identitytoken: secret } : { username, password: secret };
  } catch {
    return null;
  }
}

function whyNotStarted(error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT") return "is not on PATH";
  if (code === "EACCES") return "may not be run by this user";
  return `cannot be started: ${wordsOf(error)}`;
}
