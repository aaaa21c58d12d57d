// Style sheets that the entry imports; the bundler makes one file of them.
declare module '*.css'
