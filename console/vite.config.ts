import { defineConfig } from 'vitest/config';

// The API that the page talks to while it is developed: `auditlake serve` on its usual address.
const api = process.env.AUDITLAKE_API ?? 'http://127.0.0.1:8787';

export default defineConfig({
  // Relative addresses, so that the page works below any path.
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // No inlined data: the content security policy allows what comes from the page's own origin.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { '/v1': api, '/console.json': api, '/openapi.json': api } },
  test: { include: ['src/**/*.test.ts'] },
});
