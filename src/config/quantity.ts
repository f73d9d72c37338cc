/**
 * Kubernetes quantities (`10Gi`, `500m`, `1e3`), checked before a Job with a bad one is refused.
 * Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
 */
import { once } from "./once.ts";

/** Source without flags, so that it can stand in the JSON Schema too. Signed ones are of no use here. */
export const QUANTITY = "^(\\d+\\.?\\d*|\\.\\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\\d+)?$";

const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const pattern = once(() => new RegExp(QUANTITY));

/** The amount as a plain number (bytes, cores); null when Kubernetes would refuse the text. */
export function parseQuantity(text: string): number | null {
  const [, digits, suffix = ""] = pattern().exec(text) ?? [];
  if (digits === undefined) return null;
  const factor = SUFFIXES[suffix] ?? 10 ** Number(suffix.slice(1));
  return Number(digits) * factor;
}
