/**
 * Credentials from a program that the kubeconfig names (`exec`), kept until they expire. Source:
 * kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
 */
import { expiring, firing } from "../../../async/wait.ts";
import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import { isObject, type JsonObject } from "../../../protocol/fields.ts";
import { type Captured, runCaptured } from "../../../runtime/captured-child.ts";
import { ClusterGone } from "../client/cluster-error.ts";
import { type ExecEntry, textOf } from "./kubeconfig.ts";

export interface PluginCredentials {
  readonly token: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface ExecPluginOptions {
  readonly exec: ExecEntry;
  /** What a plugin that wants to know the cluster is told of it. */
  readonly cluster: () => Readonly<Record<string, unknown>>;
  /** What it inherits. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Long enough for one that asks a slow identity provider, too short for one that waits for a person. */
const TIMEOUT_MS = 60_000;
/** So much before its end a credential counts as expired: the request has to get there. */
const EARLY_MS = 10_000;
const STDERR_TAIL = 500;
const MOST_OUTPUT_BYTES = 4 * 1024 * 1024;

export class ExecPlugin implements Disposable {
  private readonly options: ExecPluginOptions;
  private readonly end = new AbortController();
  private current: { readonly credentials: PluginCredentials; readonly expiresAt: number } | null = null;
  /** One run for all who ask at the same time. */
  private running: Promise<PluginCredentials> | null = null;

  constructor(options: ExecPluginOptions) {
    this.options = options;
  }

  /** Throws ClusterGone with the plugin's words. A signal that fires ends the wait, and not the run. */
  async credentials(signal: AbortSignal): Promise<PluginCredentials> {
    if (this.current !== null && Date.now() < this.current.expiresAt - EARLY_MS) {
      return this.current.credentials;
    }
    this.running ??= this.renew().finally(() => {
      this.running = null;
    });
    using firedFirst = firing(signal);
    const tooLate = firedFirst.fired.then(() => {
      throw new ClusterGone(`${name(this.options.exec)} has not ended yet`);
    });
    return await Promise.race([this.running, tooLate]);
  }

  /** The server refused what it gave. */
  invalidate(): void {
    this.current = null;
  }

  /** One that hangs does not outlive the worker. */
  [Symbol.dispose](): void {
    this.end.abort();
  }

  private async renew(): Promise<PluginCredentials> {
    const status = readStatus(await this.run(), this.options.exec);
    const credentials = {
      token: textOf(status["token"]),
      cert: textOf(status["clientCertificateData"]),
      key: textOf(status["clientKeyData"]),
    };
    if (credentials.token === null && credentials.cert === null) {
      throw new ClusterGone(`${name(this.options.exec)} gave neither a token nor a certificate`);
    }
    const expiresAt = Date.parse(textOf(status["expirationTimestamp"]) ?? "");
    this.current = { credentials, expiresAt: Number.isNaN(expiresAt) ? Number.POSITIVE_INFINITY : expiresAt };
    return credentials;
  }

  private async run(): Promise<string> {
    const { exec, cluster, environment } = this.options;
    const spec = { interactive: false, ...(exec.provideClusterInfo ? { cluster: cluster() } : {}) };
    const info = JSON.stringify({ apiVersion: exec.apiVersion, kind: "ExecCredential", spec });
    const env = { ...environment, ...exec.env, KUBERNETES_EXEC_INFO: info };
    // With all that it has started, and by SIGKILL: a script that waits for its child keeps SIGTERM for later.
    using limit = expiring(this.end.signal, TIMEOUT_MS);
    const captured = await runCaptured(
      { argv: [exec.command, ...exec.args], cwd: workingFolder(), env },
      { stdin: "", maxBytes: MOST_OUTPUT_BYTES, keepsErrors: true, signal: limit.signal },
    ).catch((error: unknown) => {
      const why = limit.signal.aborted ? `no end after ${TIMEOUT_MS / 1000} s` : whyNotStarted(error);
      throw failed(exec, why);
    });
    if (captured.exitCode !== 0 || !captured.whole) throw failed(exec, explain(captured));
    return captured.stdout;
  }
}

function readStatus(output: string, exec: ExecEntry): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    throw new ClusterGone(`${name(exec)} did not write an ExecCredential to its standard output`);
  }
  const status = isObject(parsed) ? parsed["status"] : null;
  if (isObject(status)) return status;
  throw new ClusterGone(`${name(exec)} wrote an ExecCredential without a status`);
}

/** The worker's, as kubectl's plugins have kubectl's; somebody may have removed it. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

function failed(exec: ExecEntry, why: string): ClusterGone {
  return new ClusterGone(`${name(exec)} failed: ${why}${hint(exec)}`);
}

function whyNotStarted(error: unknown): string {
  return codeOf(error) === "ENOENT" ? "there is no such program" : wordsOf(error);
}

/** Standard output may hold half a credential; standard error is for people. */
function explain({ exitCode, stderr, whole }: Captured): string {
  if (!whole) return `it wrote more than ${MOST_OUTPUT_BYTES / 2 ** 20} MiB`;
  const said = stderr.trim().slice(-STDERR_TAIL);
  return said === "" ? `exit status ${exitCode}` : said;
}

function hint({ installHint }: ExecEntry): string {
  return installHint === "" ? "" : `; ${installHint.trim().replace(/\s+/g, " ")}`;
}

function name({ command }: ExecEntry): string {
  return `the credential plugin "${command}" of the kubeconfig`;
}
