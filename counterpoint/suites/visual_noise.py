from counterpoint.suites.suite import Suite

SUITES = tuple(
    Suite(
        f"visual_noise_{level}", split="in_domain", purpose=f"the in_domain problems, their pictures {degree}",
        axis="noise", severity=level, noise=level,
    )
    for level, degree in ((1, "slightly noisy"), (2, "noisy and paler"), (3, "very noisy and pale"))
)  # fmt: skip
