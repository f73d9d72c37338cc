/** What an event is about. */
import type { CoreV1Event, V1ObjectMeta } from "@kubernetes/client-node";

/** It need not hold more of that than a name, which an object before this one may have had. */
export function isAbout({ involvedObject: { uid, name } }: CoreV1Event, object: V1ObjectMeta = {}): boolean {
  return uid !== undefined && object.uid !== undefined ? uid === object.uid : name === object.name;
}
