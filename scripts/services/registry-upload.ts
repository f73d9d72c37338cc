/** Puts images into a registry over its own protocol: no engine, no build, any platform. */
import type { RegistryAccount } from "./registry.ts";

/** As an image's configuration writes it. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
}

export interface Upload {
  /** REPOSITORY:TAG */
  readonly name: string;
  /** A plain tar. */
  readonly layer: Uint8Array<ArrayBuffer>;
  readonly config?: ImageConfig;
  /** As images name it; this machine's own unless told. */
  readonly architecture?: string;
}

const MEDIA = "application/vnd.docker";
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @returns the digest by which it can be pulled */
export async function upload(
  address: string,
  image: Upload,
  account: RegistryAccount | null = null,
): Promise<string> {
  const [repository = "", tag = "latest"] = image.name.split(":");
  const base = `http://${address}/v2/${repository}`;
  const headers: Record<string, string> = account === null ? {} : { Authorization: basic(account) };
  const layer = Bun.gzipSync(image.layer, { level: 1 });
  const config = new TextEncoder().encode(
    JSON.stringify({
      architecture: image.architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
      os: "linux",
      config: { Env: [PATH], ...image.config },
      rootfs: { type: "layers", diff_ids: [digestOf(image.layer)] },
      history: [{ created: "2026-01-01T00:00:00Z" }],
    }),
  );
  for (const blob of [layer, config]) await putBlob(base, headers, blob);
  const manifest = {
    schemaVersion: 2,
    mediaType: `${MEDIA}.distribution.manifest.v2+json`,
    config: { ...sizeAndDigest(config), mediaType: `${MEDIA}.container.image.v1+json` },
    layers: [{ ...sizeAndDigest(layer), mediaType: `${MEDIA}.image.rootfs.diff.tar.gzip` }],
  };
  const text = JSON.stringify(manifest);
  await send(`${base}/manifests/${tag}`, "PUT", { ...headers, "Content-Type": manifest.mediaType }, text);
  return digestOf(new TextEncoder().encode(text));
}

async function putBlob(
  base: string,
  headers: Record<string, string>,
  blob: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const begun = await send(`${base}/blobs/uploads/`, "POST", headers, "");
  const location = new URL(begun.headers.get("Location") ?? "", base);
  location.searchParams.set("digest", digestOf(blob));
  await send(location.href, "PUT", { ...headers, "Content-Type": "application/octet-stream" }, blob);
}

async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const response = await fetch(url, { method, headers, body });
  if (response.ok) return response;
  throw new Error(`${method} ${url} was answered ${response.status}: ${await response.text()}`);
}

function basic({ name, password }: RegistryAccount): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

function sizeAndDigest(bytes: Uint8Array): { readonly size: number; readonly digest: string } {
  return { size: bytes.length, digest: digestOf(bytes) };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}
