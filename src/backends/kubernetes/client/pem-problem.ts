/**
 * What is wrong with the certificates and the key of a kubeconfig. Of those that cannot be used, Bun's fetch
 * says that no socket could be opened, and asks for a typo in the address.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { wordsOf } from "../../../logging/words-of.ts";
import type { ClusterTls } from "../../../runtime/cluster-fetch.ts";

/** A sentence that holds none of their text; null: they can be read and belong together. */
export function pemProblem({ ca, cert, key }: ClusterTls): string | null {
  const theirs = read("certificate-authority", ca, (pem) => new X509Certificate(pem));
  const own = read("client-certificate", cert, (pem) => new X509Certificate(pem));
  const secret = read("client-key", key, (pem) => createPrivateKey(pem));
  const unreadable = [theirs, own, secret].find((found) => typeof found === "string");
  if (typeof unreadable === "string") return unreadable;
  if (own instanceof X509Certificate && secret !== null && typeof secret !== "string") {
    if (!own.checkPrivateKey(secret))
      return "client-key of the kubeconfig is not that of its client-certificate";
  }
  return null;
}

function read<T>(name: string, pem: string | undefined, parse: (pem: string) => T): T | string | null {
  if (pem === undefined) return null;
  try {
    return parse(pem);
  } catch (error) {
    return `${name} of the kubeconfig cannot be read as PEM: ${wordsOf(error)}`;
  }
}
