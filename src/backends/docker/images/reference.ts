/**
 * Image names as the container engines read them.
 * Source: github.com/distribution/reference (reference.go, regexp.go, normalize.go).
 */

export interface ImageReference {
  /** As credentials are kept for it: `docker.io`, `localhost:5000`, `[2001:db8::1]:5000`. */
  readonly registry: string;
  /** With `library/` for Docker Hub's own images. */
  readonly path: string;
  /** `latest` where the name has neither tag nor digest; null where it has only a digest. */
  readonly tag: string | null;
  /** `sha256:…`; it wins over the tag. */
  readonly digest: string | null;
  /** The short form without tag and digest, which is what the engine is asked for: `ubuntu`. */
  readonly familiarName: string;
  /** The short form with both: `ubuntu:22.04`. */
  readonly familiar: string;
  /** The whole of it: `docker.io/library/ubuntu:22.04`. Two names of one image are equal here. */
  readonly canonical: string;
}

/** Not a name of an image. */
export class ImageNameError extends Error {
  override readonly name = "ImageNameError";
}

export const DOCKER_HUB = "docker.io";
const DOCKER_HUB_OF_OLD = "index.docker.io";
const OFFICIAL = "library/";
const LONGEST_PATH = 255;
const LONGEST_TAG = 128;

const PORT = "(?::[0-9]+)?";
const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])${PORT}$`);
const PATH_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`);
const ID = /^[a-f0-9]{64}$/;
const TAG = /^\w[\w.-]*$/;

/** Hex digits by algorithm; an engine knows no other. */
const DIGEST_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** @throws ImageNameError with the name and what is wrong with it */
export function parseReference(text: string): ImageReference {
  const fail = (why: string) => new ImageNameError(`${JSON.stringify(shown(text))} is no image name: ${why}`);
  if (text === "") throw fail("it is empty");
  if (ID.test(text)) throw fail("64 hexadecimal digits are an image's id");
  const [named = "", digest = null, ...more] = text.split("@");
  if (more.length > 0) throw fail("it has more than one @");
  const { registry, rest } = splitRegistry(named);
  const { short, tag } = splitTag(rest);
  const path = registry === DOCKER_HUB && !short.includes("/") ? `${OFFICIAL}${short}` : short;
  const why =
    problemOfPath(path) ?? problemOfRegistry(registry) ?? problemOfTag(tag) ?? problemOfDigest(digest);
  if (why !== null) throw fail(why);
  return compose(registry, path, tag ?? (digest === null ? "latest" : null), digest);
}

/** What stands before the first slash is a registry only if it looks like one; `team/tool` is on Docker Hub. */
function splitRegistry(named: string): { readonly registry: string; readonly rest: string } {
  const slash = named.indexOf("/");
  const first = named.slice(0, Math.max(slash, 0));
  if (!isRegistry(first)) return { registry: DOCKER_HUB, rest: named };
  return { registry: first === DOCKER_HUB_OF_OLD ? DOCKER_HUB : first, rest: named.slice(slash + 1) };
}

function isRegistry(first: string): boolean {
  return /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
}

/** A tag comes after a colon that no slash follows. */
function splitTag(rest: string): { readonly short: string; readonly tag: string | null } {
  const colon = rest.lastIndexOf(":");
  if (colon === -1 || rest.includes("/", colon)) return { short: rest, tag: null };
  return { short: rest.slice(0, colon), tag: rest.slice(colon + 1) };
}

function problemOfPath(path: string): string | null {
  if (PATH.test(path))
    return path.length > LONGEST_PATH ? `it is longer than ${LONGEST_PATH} characters` : null;
  if (PATH.test(path.toLowerCase())) return "capital letters may stand in its tag and registry only";
  return "its path is not made of lower-case letters and digits with single . _ / or dashes between them";
}

function problemOfRegistry(registry: string): string | null {
  return DOMAIN.test(registry) ? null : `${JSON.stringify(shown(registry))} is no registry's host`;
}

function problemOfTag(tag: string | null): string | null {
  if (tag === null) return null;
  if (!TAG.test(tag)) return "its tag is not made of letters, digits, _ . and -";
  return tag.length > LONGEST_TAG ? `its tag is longer than ${LONGEST_TAG} characters` : null;
}

function problemOfDigest(digest: string | null): string | null {
  if (digest === null) return null;
  const [algorithm = "", hex = "", ...more] = digest.split(":");
  const length = Object.hasOwn(DIGEST_LENGTHS, algorithm) ? DIGEST_LENGTHS[algorithm] : undefined;
  if (length === undefined || more.length > 0) {
    return `its digest does not start with one of ${Object.keys(DIGEST_LENGTHS).join(", ")} and a colon`;
  }
  return hex.length === length && /^[a-f0-9]+$/.test(hex)
    ? null
    : `its digest has not ${length} hexadecimal digits`;
}

function compose(registry: string, path: string, tag: string | null, digest: string | null): ImageReference {
  const familiarName = familiarNameOf(registry, path);
  const suffix = `${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;
  return {
    registry,
    path,
    tag,
    digest,
    familiarName,
    familiar: `${familiarName}${suffix}`,
    canonical: `${registry}/${path}${suffix}`,
  };
}

function familiarNameOf(registry: string, path: string): string {
  if (registry !== DOCKER_HUB) return `${registry}/${path}`;
  const short = path.startsWith(OFFICIAL) ? path.slice(OFFICIAL.length) : path;
  if (!short.includes("/")) return ID.test(short) ? `${registry}/${short}` : short;
  // Without Docker Hub's name, a path such as `localhost/tool` would be another registry's.
  return isRegistry(path.slice(0, path.indexOf("/"))) ? `${registry}/${path}` : path;
}

/** A name of any length may come from outside, and goes into a message. */
function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
