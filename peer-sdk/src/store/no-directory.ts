/** A browser has no directories: `#directory` where a bundler builds for one. */

/** None: a store has to be brought. */
export const sqlitePeerStore = undefined;
