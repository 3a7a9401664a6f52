import { defineConfig } from "vite";

// Built into the package's static folder, which is never committed. The development server hands /api and /v1 on to a running OmniRoute.
export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/omniroute/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows files of this origin, no data: scripts or styles
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": "http://127.0.0.1:20128", "/v1": "http://127.0.0.1:20128" } },
});
