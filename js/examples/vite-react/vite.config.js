import { defineConfig } from 'vite'

// The documents are those of ../fastify, behind the same origin as the page.
export default defineConfig({
  oxc: { jsx: { runtime: 'automatic' } },
  server: { proxy: { '/documents': process.env.DOCUMENTS ?? 'http://127.0.0.1:3000' } },
})
