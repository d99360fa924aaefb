# A server that has Docker from the start, and what an Ubuntu has: stands for Hetzner's app image `docker-ce`.
ARG SERVER
FROM ${SERVER}
RUN sh /usr/local/sbin/add-packages docker.io docker-cli docker-compose unattended-upgrades \
 && systemctl enable docker.service
