/** Work done under another soft limit, whatever way the limit is read and set by. */

export const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;
/** Linux alone has it. */
export const RLIMIT_LOCKS = 10;

/** Runs `work` under this soft limit, unless the hard one is lower; children started in it keep it. */
export type LimitScope = <T>(soft: number, work: () => T) => T;

/** By the number that the system gives a resource. */
export type SoftLimits = (resource: number) => LimitScope;

/** The kernel's struct rlimit: soft, then hard. */
type Limit = BigUint64Array<ArrayBuffer>;

/** Both tell whether it worked. Nobody else sets this process's limit meanwhile: what it is is asked for once. */
export function limitScopeOver(get: (limit: Limit) => boolean, set: (limit: Limit) => boolean): LimitScope {
  const own = new BigUint64Array(2);
  const isKnown = get(own);
  const inside = own.slice();
  return (soft, work) => {
    if (!isKnown || (own[1] ?? 0n) < BigInt(soft)) return work();
    inside[0] = BigInt(soft);
    set(inside);
    try {
      return work();
    } finally {
      set(own);
    }
  };
}
