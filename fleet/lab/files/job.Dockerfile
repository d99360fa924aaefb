# The image that jobs run in, where no hub can be asked for a real one. The standing-in runner is made from it.
ARG BASE
FROM ${BASE}
COPY job.cfg /etc/dpkg/dpkg.cfg.d/02-job
RUN sh /usr/local/sbin/add-packages bash git docker-cli
