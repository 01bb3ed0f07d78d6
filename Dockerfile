# The service, with what it runs on and nothing else. docs/OPERATE.md, "In a container", says how to use it, and what to
# start it with. test/container.slow.ts carries out these instructions, and test/container.test.ts reads them: both know
# FROM, ARG, ENV, WORKDIR, COPY, RUN, USER, VOLUME, EXPOSE, HEALTHCHECK, ENTRYPOINT and CMD.
#
# To pin the base by its content: --build-arg NODE_IMAGE=node:26.10.0-trixie-slim@sha256:…, with the digest that
# `docker buildx imagetools inspect node:26.10.0-trixie-slim` prints.
ARG NODE_IMAGE=node:26.10.0-trixie-slim

# Compiled, with everything that compiling needs. No install script runs: the only one that does anything would fetch a
# second Node.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

# What it runs on, as package-lock.json has it. PostgreSQL's driver is optional in the package and not in the image, so
# it is moved to the dependencies first.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm pkg set "dependencies.pg=$(npm pkg get devDependencies.pg | tr -d '"')" \
  && npm pkg delete devDependencies.pg \
  && npm ci --omit=dev --omit=optional --omit=peer --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
  HOST=0.0.0.0 \
  PORT=8787 \
  DATABASE_URL=file:/data/trail.db \
  NODE_COMPILE_CACHE=/app/compile-cache
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
RUN ln -s /app/dist/cli/bin.js /usr/local/bin/logout-trail \
  && install -d -o 1000 -g 1000 -m 700 /data \
  && install -d -o 1000 -g 1000 compile-cache
# `node` of the base image. By number, so that Kubernetes can see that it is not root.
USER 1000:1000
# Compiles once what every start would compile again. Node keeps it by version, processor and user: another user starts
# as well, without it.
RUN logout-trail --help >/dev/null
VOLUME /data
EXPOSE 8787
# Whether it answers, not whether it is ready: without its database it still answers logouts, so it must not be replaced.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "require('node:http').get(`http://127.0.0.1:${process.env.PORT}/livez`, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))"]
ENTRYPOINT ["node", "/app/dist/cli/bin.js"]
CMD ["start"]
