/** What the worker's role has to allow in the namespace, asked verb by verb. */
import { wordsOf } from "../../../logging/words-of.ts";
import { isRefusal } from "../client/cluster-error.ts";
import type { AccessQuestion, Cluster } from "../cluster.ts";
import { type BusyContext, whileBusy } from "./while-busy.ts";

interface Grant {
  readonly group: string;
  /** With its subresource, as a role spells it. */
  readonly resource: string;
  readonly verbs: readonly string[];
}

/** Without one of these no task can be run and reported. */
const NEEDED: readonly Grant[] = [
  { group: "batch", resource: "jobs", verbs: ["create", "get", "list", "watch", "delete"] },
  { group: "", resource: "pods", verbs: ["get", "list", "watch"] },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "events", verbs: ["list"] },
];

/** Without these the Jobs of other workers cannot be taken over safely. */
const FOR_TAKING_OVER: readonly Grant[] = [
  { group: "batch", resource: "jobs", verbs: ["patch"] },
  { group: "coordination.k8s.io", resource: "leases", verbs: ["create", "list", "patch", "delete"] },
];

const FOR_SECRETS: readonly Grant[] = [{ group: "", resource: "secrets", verbs: ["create"] }];

/** Where the answer to a Secret's creation is lost, it is made anew. */
const FOR_LOST_SECRETS: readonly Grant[] = [{ group: "", resource: "secrets", verbs: ["delete"] }];

/** For each purpose what is not granted, as `patch jobs.batch`; empty: all is. */
export interface MissingRights {
  readonly needed: readonly string[];
  readonly forTakingOver: readonly string[];
  readonly forSecrets: readonly string[];
  readonly forLostSecrets: readonly string[];
}

const NONE: MissingRights = { needed: [], forTakingOver: [], forSecrets: [], forLostSecrets: [] };

/**
 * None where the cluster does not tell: the role may be enough, and what it does not allow is refused when it is
 * tried. Throws what the cluster's client throws, or the signal's reason.
 */
export async function findMissingRights(cluster: Cluster, context: BusyContext): Promise<MissingRights> {
  try {
    const [needed, forTakingOver, forSecrets, forLostSecrets] = await Promise.all([
      missing(cluster, NEEDED, context),
      missing(cluster, FOR_TAKING_OVER, context),
      missing(cluster, FOR_SECRETS, context),
      missing(cluster, FOR_LOST_SECRETS, context),
    ]);
    return { needed, forTakingOver, forSecrets, forLostSecrets };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    context.log.debug("the cluster does not tell what the role allows: it will show", {
      why: wordsOf(error),
    });
    return NONE;
  }
}

async function missing(
  cluster: Cluster,
  grants: readonly Grant[],
  context: BusyContext,
): Promise<readonly string[]> {
  const refused = await Promise.all(
    grants.flatMap((grant) =>
      grant.verbs.map(async (verb) => {
        const may = () => cluster.can(question(grant, verb), context.signal);
        return (await whileBusy(may, context)) === false ? { grant, verb } : null;
      }),
    ),
  );
  return grants.flatMap((grant) => {
    const verbs = refused.flatMap((found) => (found?.grant === grant ? [found.verb] : []));
    return verbs.length === 0 ? [] : [`${verbs.join(", ")} ${nameOf(grant)}`];
  });
}

function question({ group, resource }: Grant, verb: string): AccessQuestion {
  const [name = resource, subresource] = resource.split("/");
  return { verb, group, resource: name, ...(subresource === undefined ? {} : { subresource }) };
}

/** As kubectl spells it: `jobs.batch`, `pods/log`. */
function nameOf({ group, resource }: Grant): string {
  return group === "" ? resource : `${resource}.${group}`;
}
