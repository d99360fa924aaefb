# A registry that answers the servers in place of Docker Hub.
ARG BASE
FROM ${BASE}
RUN sh /usr/local/sbin/add-packages docker-registry
COPY mirror.yml /etc/docker/registry/config.yml
VOLUME /var/lib/registry
CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]
