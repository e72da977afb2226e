# CPU seconds of survival and cmprsk on the rows of a CSV file: Rscript durations.R FILE SMALL
suppressMessages({library(survival); library(cmprsk)})
files <- commandArgs(TRUE)
d <- read.csv(files[1]); s <- read.csv(files[2])
cpu <- function(call) { gc(); t <- system.time(call); unname(t[1] + t[2]) }
cat(sprintf('{"cox": %.4f, "incidence": %.4f, "gray": %.4f, "subdistribution": %.4f}\n',
  cpu(coxph(Surv(days, left == 1) ~ x + z, d, cluster = adviser)),
  cpu(survfit(Surv(days, factor(left)) ~ group, d)),
  cpu(cuminc(d$days, d$left, d$group)),
  cpu(crr(s$days, s$left, cbind(s$x, s$z)))))
