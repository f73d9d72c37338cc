/** Certificates of a test's own: an authority, servers on this machine, a client; and others as they are asked for. */
import { readFileSync } from "node:fs";
import { TempDir } from "./temp-dir.ts";

export interface KeyPair {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** File names and texts. */
type Files = ReadonlyMap<string, string>;

export class TestPki implements AsyncDisposable {
  /**
   * What each has from the beginning, made once: to start openssl seven times for each test was half of what the tests of
   * Kubernetes cost.
   */
  static #standard: Promise<Files> | undefined;

  readonly dir: TempDir;

  private constructor(dir: TempDir) {
    this.dir = dir;
  }

  /** With `ca`, and signed by it `server`, `client`, and an `api-server` whose certificate does not name its address. */
  static async create(): Promise<TestPki> {
    TestPki.#standard ??= TestPki.#makeStandard();
    const files = await TestPki.#standard;
    const pki = new TestPki(await TempDir.create("pki"));
    for (const [name, text] of files) await pki.dir.write(name, text);
    return pki;
  }

  static async #makeStandard(): Promise<Files> {
    await using pki = new TestPki(await TempDir.create("pki"));
    await pki.authority("ca");
    await pki.certificate("server", "ca", "DNS:localhost,IP:127.0.0.1");
    await pki.certificate("api-server", "ca", "DNS:localhost,DNS:kube.test");
    await pki.certificate("client", "ca", "DNS:client");
    const names = ["ca", "server", "api-server", "client"].flatMap((name) => [`${name}.pem`, `${name}.key`]);
    return new Map(names.map((name) => [name, pki.pem(name)]));
  }

  get server(): KeyPair {
    return this.pair("server");
  }

  get client(): KeyPair {
    return this.pair("client");
  }

  /** By the authority `ca`. */
  pair(name: string): KeyPair {
    return { ca: this.pem("ca.pem"), cert: this.pem(`${name}.pem`), key: this.pem(`${name}.key`) };
  }

  /** The text of `NAME.pem` or `NAME.key`. */
  pem(file: string): string {
    return readFileSync(this.dir.join(file), "utf8");
  }

  async authority(name: string): Promise<void> {
    const subject = ["-days", "1", "-subj", `/CN=${name}`];
    await this.#openssl("req", "-x509", ...newKey(name), "-out", `${name}.pem`, ...subject);
  }

  /** `names` as openssl writes a subjectAltName. */
  async certificate(name: string, ca: string, names: string): Promise<void> {
    await this.#openssl("req", ...newKey(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    await this.dir.write(`${name}.ext`, `subjectAltName=${names}\n`);
    const signer = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-extfile", `${name}.ext`];
    await this.#openssl("x509", "-req", "-in", `${name}.csr`, ...signer, "-out", `${name}.pem`, "-days", "1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    const child = Bun.spawn(["openssl", ...args], {
      cwd: this.dir.path,
      env: {},
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  }
}

function newKey(name: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
}
