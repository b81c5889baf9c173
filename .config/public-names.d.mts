export interface ExportedName {
  readonly name: string;
  /** The subpath: `postern/core`. */
  readonly from: string;
  /** The file and position of its declaration. */
  readonly declaredIn: string;
  /** Whether the name or its declaration is marked `@internal`. */
  readonly internal: boolean;
}
export declare function exportedNames(): ExportedName[];
