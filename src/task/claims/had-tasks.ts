/** The tasks that are this worker's, each until its end is proven to have been read, so that no other begins it before. */
import { type Claim, TaskClaims } from "./task-claims.ts";

interface Had {
  readonly claim: Claim;
  /** Its end is in the journal. */
  ended: boolean;
}

export class HadTasks implements Disposable {
  private readonly claims: TaskClaims;
  /** By task id. */
  private readonly had = new Map<string, Had>();

  /** `folder` null: there is none, so no other worker can be told. Asked when a task comes. */
  constructor(folder: () => string | null) {
    this.claims = new TaskClaims(folder);
  }

  /** One that is turned down is not had: nobody tells of its end. */
  take(taskId: string, dir: string): Claim {
    return this.have(taskId, this.claims.take(taskId, dir));
  }

  /** The same for one of a dead worker, which another may have begun anew, and ended, since. */
  inherit(taskId: string, dir: string): Claim {
    return this.have(taskId, this.claims.inherit(taskId, dir));
  }

  /** For one that is over when the claim is disposed of, which has to be done. */
  inheritBriefly(taskId: string, dir: string): Claim {
    return this.claims.inherit(taskId, dir);
  }

  /** It is a worker's that is gone, and whom nobody has followed yet: what that one began may go on. */
  isOfDead(taskId: string): boolean {
    return this.claims.isOfDead(taskId);
  }

  /** One that was taken, and is turned down after all. */
  giveBack(taskId: string): void {
    this.ended(taskId);
    this.letGo(taskId);
  }

  /** Once all that dead workers left is known here. */
  sweep(): void {
    this.claims.sweep();
  }

  ended(taskId: string): void {
    const had = this.had.get(taskId);
    if (had !== undefined) had.ended = true;
  }

  /** Unless another execution of it has begun here since. */
  letGo(taskId: string): void {
    const had = this.had.get(taskId);
    if (had?.ended !== true) return;
    had.claim[Symbol.dispose]();
    this.had.delete(taskId);
  }

  [Symbol.dispose](): void {
    for (const { claim } of this.had.values()) claim[Symbol.dispose]();
    this.claims[Symbol.dispose]();
  }

  private have(taskId: string, claim: Claim): Claim {
    if (claim.kind === "had") this.had.set(taskId, { claim, ended: false });
    return claim;
  }
}
