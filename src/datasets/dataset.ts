export type Split = "train" | "test";

/** What an encoder's preprocessing starts from. */
export type RawInput =
  | { kind: "audio"; /** [frames], full scale is ±1. */ samples: Float32Array; rate: number }
  | { kind: "text"; text: string }
  | {
      kind: "image";
      /** [3, height, width], red, green, blue */ data: Uint8Array;
      height: number;
      width: number;
    };

/** One labelled input. Data sets with a fixed split give `split`, those with folds `fold` and `group`. */
export interface Item {
  /** Unique in its data set and the same in every run. */
  id: string;
  /** Index into the data set's `classes`. */
  label: number;
  split?: Split;
  /** From 0. */
  fold?: number;
  /** Actor or session: never on both sides of a split. */
  group?: number;
  input: RawInput;
}

export interface ItemOptions {
  /** Only this split, in file order; all splits one after the other when left out. */
  split?: Split;
  /** Takes a line on what was left out and why. */
  warn?: (line: string) => void;
}

/** A data set: where its files come from and how they become items. */
export interface Dataset {
  name: string;
  title: string;
  input: RawInput["kind"];
  /** In the order of the shipped features' labels. */
  classes: readonly string[];
  /** Empty for a data set with folds. */
  splits: readonly Split[];
  licence: string;
  source: Source;
  /**
   * Items in file order, read as they are asked for.
   * @param paths what `locate` gave for `source`.
   * @throws UserError naming the file, entry or row that cannot be read.
   */
  items(paths: readonly string[], options?: ItemOptions): AsyncGenerator<Item>;
}

/** A file that a data set needs. */
export interface SourceFile {
  /** Path below `DAAM_DATA` or `data/raw`. */
  name: string;
  /** Official address, where it can be fetched. */
  url?: string;
  /** Of the official file. */
  bytes?: number;
  md5?: string;
}

/** A folder of many files, of which a data set is made. */
export interface FolderLayout {
  /** Whether this folder is it. */
  is: (root: string) => boolean;
  /** The files in it that items are made of, relative to it and in a fixed order. */
  files: (root: string) => string[];
}

/** How a data set may lie other than officially, and what is said of what lies there instead. */
export interface Lookalikes {
  /** Names of folders and archives that may hold it. */
  hint: RegExp;
  /** What it should be. */
  wanted: string;
  /** Files that make it up, by their names in a folder or an archive: the first set of which all are there. */
  holds: RegExp[][];
  /** Whether no other data set has files of these names, so that an archive of any name is looked into where it is the only one. */
  telling?: boolean;
}

/** Files that can be fetched, or a folder that the user has under a licence of his own. */
export type Source =
  | {
      kind: "files";
      /** The first is downloaded; the others are read where they lie. */ alternatives: SourceFile[][];
      lookalikes: Lookalikes;
      /** Where it may lie unpacked as a folder of many files. */
      folder?: FolderLayout;
    }
  | {
      kind: "folder";
      /** Names it may have. */ names: string[];
      lookalikes: Lookalikes;
      folder: FolderLayout;
      how: string;
    };

/** One archive of these files, in any of the formats that are read. */
export const archivesOf = (name: string): SourceFile[][] =>
  ["tar.gz", "tgz", "tar", "zip"].map((ending) => [{ name: `${name}.${ending}` }]);
