/** Who is taken on here: whoever comes, dead workers' tasks alone, or nobody any more. */
export class Admission {
  private open: "to all" | "to orphans" | "to none" = "to all";

  get ofAssignments(): boolean {
    return this.open === "to all";
  }

  get ofOrphans(): boolean {
    return this.open !== "to none";
  }

  /**
   * For a worker that has had its last assignment, and may run for hours yet. A cluster's Job that it claimed and then
   * refused would be nobody's until it has left.
   */
  closeToAssignments(): void {
    if (this.open === "to all") this.open = "to orphans";
  }

  /** For one that stops: what it took on now, it would stop at once. */
  close(): void {
    this.open = "to none";
  }
}
